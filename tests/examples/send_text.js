const axios = require('axios');
const data = {
  "to": "5599999999999",
  "text": "Olá! 😄 Tudo bem? 🚀",
  "linkPreview": false,
  "mentions": [
    "string"
  ],
  "delay": 1200,
  "useQueue": false
}
axios.post(process.env.BASE + '/api/chat/send-text', data, {
  headers: {
    'Content-Type': 'application/json',
    'apikey': process.env.KEY
  }
})
.then(response => {
 const res = response.data;

  if(res.success){
    console.log('Mensagem enviada dados: ', res);
  }else{
    console.log('⚠️ Erro ao enviar mensagem');
  }
})
.catch(error => {
  console.error('❌ Erro ao enviar mensagem:');
  console.error(error.response?.data || error.message);
});

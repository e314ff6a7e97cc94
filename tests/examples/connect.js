const axios = require('axios');

const data = {};

axios.put(process.env.BASE + '/api/session/conectar_sessao', data, {
  headers: {
    'apikey': process.env.KEY
  }
})
.then(response => {
 const res = response.data;
  if(res.success){
      console.log('✅ Qrcode gerado com sucesso!');
      console.log('Qrcode: ', res.qrcode)

  }else{
    console.log('⚠️ Sessão já conectada ou QR Code não necessário.');
  }
})
.catch(error => {
  console.error('❌ Erro ao Gerar qrcode:');
  console.error(error.response?.data || error.message);
});


const axios = require('axios');

axios.get(process.env.BASE + '/api/session/status', {
  headers: {
    'apikey': process.env.KEY
  }
})
.then(response => {
 const res = response.data;

  if(res.success){
    console.log('Status sessão: ', res);
  }else{
    console.log('⚠️ Sessão Deve ta conectada');
  }
})
.catch(error => {
  console.error('❌ Erro ao Reniciar sessão:');
  console.error(error.response?.data || error.message);
});

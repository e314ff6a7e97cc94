const axios = require('axios');

axios.put(process.env.BASE + '/api/session/restart', {
  headers: {
    'apikey': process.env.KEY
  }
})
.then(response => {
 const res = response.data;

  if(res.success){
      console.log('✅ Sessão reniciada com sucesso');

  }else{
    console.log('⚠️ Algo deu errado');
  }
})
.catch(error => {
  console.error('❌ Erro ao reniciar sessão:');
  console.error(error.response?.data || error.message);
});
